"""From files to tf.data: clips, folds, encoded frames, batches."""
