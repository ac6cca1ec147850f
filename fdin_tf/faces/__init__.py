"""From a video file to aligned faces.

`track_face` finds the face of a clip in every frame, and says what happened
on the way; `aligned_chunks` cuts it out, eyes at two fixed places:

    track = track_face("clip.mp4")
    faces = np.concatenate(list(aligned_chunks("clip.mp4", track)))

A video is read as a stream, twice, and never held in memory as a whole.

From a photograph, `crop_face` cuts out what a task needs of a face, by the
five points of the detector:

    face = nearest_face(MTCNNDetector()(image), point)
    crop = crop_face(image, face.points, CROP_SCHEMES[1])
"""

from fdin_tf.faces.align import align_frame
from fdin_tf.faces.align import aligned_chunks
from fdin_tf.faces.align import eye_similarity
from fdin_tf.faces.config import FaceConfig
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import CropScheme
from fdin_tf.faces.crops import crop_face
from fdin_tf.faces.crops import crop_matrix
from fdin_tf.faces.crops import nearest_face
from fdin_tf.faces.detect import Face
from fdin_tf.faces.detect import MTCNNDetector
from fdin_tf.faces.five_points import check_points
from fdin_tf.faces.landmarks import load_landmarks
from fdin_tf.faces.mesh import MeshLandmarker
from fdin_tf.faces.mesh import mesh_landmarks
from fdin_tf.faces.phases import Phases
from fdin_tf.faces.phases import find_phases
from fdin_tf.faces.phases import lip_amplitude
from fdin_tf.faces.shape import mean_shape
from fdin_tf.faces.smoothing import smooth_4253h_twice
from fdin_tf.faces.track import FaceTrack
from fdin_tf.faces.track import UnusableClip
from fdin_tf.faces.track import track_face
from fdin_tf.faces.video import VideoError
from fdin_tf.faces.video import VideoInfo
from fdin_tf.faces.video import probe_video
from fdin_tf.faces.video import read_frames
from fdin_tf.faces.warp import FaceWarp

__all__ = [
    "CROP_SCHEMES",
    "CropScheme",
    "Face",
    "FaceConfig",
    "FaceTrack",
    "FaceWarp",
    "MTCNNDetector",
    "MeshLandmarker",
    "Phases",
    "UnusableClip",
    "VideoError",
    "VideoInfo",
    "align_frame",
    "aligned_chunks",
    "check_points",
    "crop_face",
    "crop_matrix",
    "eye_similarity",
    "find_phases",
    "lip_amplitude",
    "load_landmarks",
    "mean_shape",
    "mesh_landmarks",
    "nearest_face",
    "probe_video",
    "read_frames",
    "smooth_4253h_twice",
    "track_face",
]
