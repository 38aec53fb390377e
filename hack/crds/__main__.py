"""`python -m crds`: write every generated file anew."""

from crds.files import ROOT, generated_files

for path, content in generated_files().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    print(f"{path.relative_to(ROOT)}: {len(content)} bytes")
