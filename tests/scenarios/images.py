"""The model server of the scenarios as an image."""

from pathlib import Path

from localcluster import Image, Tree
from localcluster.images import PYTHON
from scenarios.stage import IMAGE

MODEL_SERVER = Image(
    IMAGE,
    entrypoint=(PYTHON, "-S", "/app/model_server.py"),
    trees=(Tree(Path(__file__).parent / "model_server.py", "/app/model_server.py"),),
    distributions=("prometheus-client",),
)
