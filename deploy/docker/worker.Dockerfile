# Sluice's worker: fetches, parses, embeds and stores documents.
# From the repository's root: docker build -f deploy/docker/worker.Dockerfile -t sluice-worker .

# Any image with Python 3.11 or newer, its venv module, pip and Debian's user tools.
ARG BASE_IMAGE=docker.io/library/python:3.12-slim

FROM ${BASE_IMAGE} AS packages
# Compiled here, since a read-only root file system keeps nothing; empty builds sooner, starts later.
ARG COMPILE=--compile-bytecode
ENV UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY requirements/bootstrap.txt /bootstrap.txt
RUN python3 -m pip install --target /opt/uv --require-hashes --requirement /bootstrap.txt
COPY requirements/worker.txt /requirements.txt
RUN python3 -m venv --without-pip /opt/venv && \
    /opt/uv/bin/uv pip install --python /opt/venv/bin/python --require-hashes --no-build \
    ${COMPILE} --requirement /requirements.txt
COPY libs /app
COPY services/worker /app/worker
RUN ["/opt/venv/bin/python", "-m", "compileall", "-q", "/app"]

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sluice-worker" \
      org.opencontainers.image.description="Sluice's worker: fetches, parses, embeds and stores documents." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 sluice && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sluice && \
    install --directory --owner 10001 --group 10001 --mode 0700 /scratch
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /app /app
COPY deploy/docker/answers.py /opt/answers.py
# The files are compiled already, and the root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SLUICE_WORKER_METRICS_HOST=0.0.0.0 \
    SLUICE_SCRATCH_DIR=/scratch \
    dramatiq_queue_prefetch=4 \
    dramatiq_worker_timeout=200
WORKDIR /app
USER 10001:10001
EXPOSE 8812
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=4 \
    CMD ["python", "-I", "/opt/answers.py", "SLUICE_WORKER_METRICS_PORT", "8812", "/metrics"]
# Four messages each of ordinary and large files may wait for room, with a thread left over for whoever
# has nothing at work.
CMD ["dramatiq", "worker.main", "--processes", "1", "--threads", "9"]
