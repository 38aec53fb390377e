"""`python -m pictures`: draw the picture and write the numbers on the page anew."""

from pictures.evidence import svg
from pictures.page import IMAGE, PAGE, ROOT, filled_in

PAGE.write_text(filled_in(PAGE.read_text()))
IMAGE.write_text(svg())
for path in (PAGE, IMAGE):
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
