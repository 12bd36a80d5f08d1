"""What every test stands on: one thread, no screen, a data folder of its own."""

import os
import tempfile

# Set before torch, pygame and Jupyter are imported: they read these once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="dilviz-run-"))
os.environ["DILVIZ_HOME"] = tempfile.mkdtemp(prefix="dilviz-home-")

import torch

torch.set_num_threads(1)
