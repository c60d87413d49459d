# The web app and every command in one image, without root and without a compiler.
#   docker build --build-arg PYTHON=python:3.12.8-slim-bookworm@sha256:... -t aftercar .
#   docker run --rm -p 127.0.0.1:8000:8000 -v aftercar-data:/data aftercar web --host 0.0.0.0
# Give the digest of the base image that you have checked; a tag alone can be moved.
ARG PYTHON=python:3.12.8-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements-server.lock ./
RUN python -m venv /opt/aftercar && /opt/aftercar/bin/pip install --require-hashes -r requirements-server.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# Built with the hatchling of the lock, so that nothing is fetched that has no hash.
RUN /opt/aftercar/bin/python -m hatchling build -t wheel -d /tmp/dist \
  && /opt/aftercar/bin/pip install --no-deps --no-index /tmp/dist/*.whl

# hadolint ignore=DL3006
FROM ${PYTHON}
COPY --from=build /opt/aftercar /opt/aftercar
RUN useradd --system --uid 10001 --home-dir /data --create-home aftercar
# Compiled kernels are kept where the user may write; no file of the image is changed at run time.
ENV PATH=/opt/aftercar/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 NUMBA_CACHE_DIR=/data/.numba
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/sign-in', timeout=4).close()"]
ENTRYPOINT ["aftercar"]
CMD ["web", "--host", "0.0.0.0"]
