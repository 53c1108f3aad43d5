# What stands in for accounts on one machine: Cloudflare's queue and R2, an S3 server, embeddings;
# and small stores, for a machine that no registry of images can be reached from (wheels.yaml).
# From the repository's root: docker build -f deploy/docker/local.Dockerfile -t sluice-local .

# Any image with Python 3.11 or newer, its venv module, pip and Debian's user tools.
ARG BASE_IMAGE=docker.io/library/python:3.12-slim

FROM ${BASE_IMAGE} AS packages
ENV UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY requirements/bootstrap.txt /bootstrap.txt
RUN python3 -m pip install --target /opt/uv --require-hashes --requirement /bootstrap.txt
COPY requirements/standins.txt /requirements.txt
RUN python3 -m venv --without-pip /opt/venv && \
    /opt/uv/bin/uv pip install --python /opt/venv/bin/python --require-hashes --no-build \
    --requirement /requirements.txt
COPY deploy/local/cloudflare_standin /app/cloudflare_standin
COPY deploy/local/embeddings_server /app/embeddings_server
RUN ["/opt/venv/bin/python", "-m", "compileall", "-q", "/app"]

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sluice-local" \
      org.opencontainers.image.description="Stand-ins for the accounts that Sluice needs." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 sluice && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sluice && \
    install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /app /app
COPY deploy/docker/answers.py /opt/answers.py
# The root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SLUICE_STANDIN_HOST=0.0.0.0 \
    SLUICE_STANDIN_DATA_DIR=/data \
    SLUICE_EMBEDDINGS_HOST=0.0.0.0 \
    SLUICE_EMBEDDINGS_DATA_DIR=/data
WORKDIR /app
USER 10001:10001
EXPOSE 8801 8802 8091 9000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=4 \
    CMD ["python", "-I", "/opt/answers.py", "SLUICE_STANDIN_QUEUES_PORT", "8801", "/healthz"]
CMD ["python", "-m", "cloudflare_standin"]
