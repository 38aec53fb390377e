# The operator's image. Versions are those of requirements.lock.
FROM python:3.11-slim AS build
WORKDIR /source
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY operator operator
RUN sed -E '/^ +--hash/d; s/ \\$//' requirements.lock > constraints.txt \
 && python -m venv /serin \
 && /serin/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim
COPY --from=build /serin /serin
USER 65532:65532
ENTRYPOINT ["/serin/bin/serin-operator"]
