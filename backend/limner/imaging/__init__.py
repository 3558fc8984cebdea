# SPDX-License-Identifier: Apache-2.0
"""Pictures in, pictures out: decoding, sketch normalization, face frame, sketch styles, color (numpy, OpenCV)."""
