#!/bin/sh
# Prints a deploy/.env for a trial without accounts: fresh secrets, and the stand-ins' addresses.
set -eu

hex() { # so many random bytes, as twice as many hexadecimal digits
    od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

cat <<END
# A trial without accounts: the stand-ins of the profile \`local\`. deploy/.env.example has every
# setting; docs/deploy.md tells what to change for real accounts.
COMPOSE_PROFILES=local
WORKERS=1
SLUICE_API_KEY=sluice_$(hex 20)
POSTGRES_PASSWORD=$(hex 16)
REDIS_PASSWORD=$(hex 16)
MILVUS_PASSWORD=$(hex 16)
MINIO_PASSWORD=$(hex 16)
R2_ACCOUNT_ID=$(hex 16)
R2_ACCESS_KEY_ID=$(hex 16)
R2_SECRET_ACCESS_KEY=$(hex 32)
R2_BUCKET=sluice-documents
SLUICE_R2_DERIVED_BUCKET=sluice-derived
SLUICE_R2_ENDPOINT_URL=http://r2.localhost:8802
CF_API_TOKEN=$(hex 20)
CF_QUEUE_NAME=sluice-events
SLUICE_CF_API_URL=http://cloudflare:8801/client/v4
OPENAI_API_KEY=sk-local-$(hex 20)
OPENAI_BASE_URL=http://embeddings:8091/v1
SLUICE_EMBEDDING_MODEL=all-MiniLM-L6-v2
SLUICE_EMBEDDING_INPUT_TOKENS=256
SLUICE_EMBEDDING_LANGUAGES=en
SLUICE_EMBEDDING_TIMEOUT_SECONDS=180
END
