"""Classical descriptors of faces and their motion, and learners on them.

What the networks of the papers are compared with: one descriptor per file,
each a plain function of arrays, and scikit-learn's learners on top.
"""
