"""The names that Serin puts on Kubernetes objects, in one place."""

GROUP = "serin.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"

FIELD_MANAGER = "serin"
FINALIZER = f"{GROUP}/finalizer"

MODEL_LABEL = f"{GROUP}/model"
"""The ModelDeployment's name: on every child, and by relabelling on its pods' series (`serin_model`)."""
REVISION_LABEL = f"{GROUP}/revision"
"""The revision: on every child, and by relabelling on its pods' series (`serin_revision`)."""
VERSION_LABEL = f"{GROUP}/version"
"""The model's version, for people; a revision may differ in configuration alone."""

REJECTED_ANNOTATION = f"{GROUP}/rejected"
"""On a ControllerRevision: why the revision was turned away."""
ORIGINAL_BACKENDS_ANNOTATION = f"{GROUP}/original-backends"
"""On a user's own route: the backends as they were before Serin, restored on deletion."""
