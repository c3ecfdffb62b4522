"""A film of real photographs: a portrait filmed by a slow camera, styled after another portrait.

    make demo

The frames are a slow camera move over a portrait of an astronaut; the look comes from a portrait
of Grace Hopper. Quality is draft, to be done within minutes on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from make_pictures import camera_move, fit, sample_pictures, write_frames

from batch_analogy.media.stills import write_png


def main() -> int:
    """Make the pictures, run the command as a user would, and print where the results are."""
    parser = argparse.ArgumentParser(description="Run the main job on sample photographs.")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where to put it all")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--side", type=int, default=320, help="sides of the frames, pixels")
    options = parser.parse_args()

    pictures = sample_pictures()
    frames, reference = options.folder / "frames", options.folder / "reference.png"
    size = (options.side, options.side)
    write_frames(frames, camera_move(pictures["astronaut"], options.frames, size))
    write_png(reference, fit(pictures["hopper"], options.side))

    film = options.folder / "film.mp4"
    arguments = ["timelapse", str(reference), str(frames), "-o", str(film)]
    arguments += ["--quality", "draft", "--fps", "12"]
    print("batch-analogy", *arguments, flush=True)
    code = subprocess.run([sys.executable, "-m", "batch_analogy", *arguments], check=False)
    if code.returncode == 0:
        run_folder = film.with_suffix(".run")
        print(f"film           {film}")
        print(f"contact sheet  {run_folder / 'preview' / 'sheet.jpg'}")
        print(f"run folder     {run_folder}")
    return code.returncode


if __name__ == "__main__":
    sys.exit(main())
