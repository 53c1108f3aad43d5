#!/bin/sh
# Builds the named images (api, poller, worker, local) and prints their sizes.
#   CONTAINERS   the program that builds: docker or podman (docker)
#   BASE_IMAGE   the image they begin with, where it is not to be the Dockerfiles' own
#   TAG          of the images (latest)
#   BUILD_FLAGS  more flags of the build, such as mounts of a machine's package settings
set -eu
cd "$(dirname "$0")/../.."

program=${CONTAINERS:-docker}
tag=${TAG:-latest}
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -n 1)

[ $# -gt 0 ] || set -- api poller worker local
for name in "$@"; do
    # Without this podman leaves the health check out: OCI's format has none.
    case $program in *podman) format='--format docker' ;; *) format='' ;; esac
    # shellcheck disable=SC2086  # flags are words
    "$program" build $format ${BUILD_FLAGS:-} ${BASE_IMAGE:+--build-arg BASE_IMAGE="$BASE_IMAGE"} \
        --build-arg VERSION="$version" --build-arg REVISION="$revision" \
        --file "deploy/docker/$name.Dockerfile" --tag "sluice-$name:$tag" .
done
for name in "$@"; do
    bytes=$("$program" image inspect --format '{{.Size}}' "sluice-$name:$tag")
    echo "sluice-$name:$tag $((bytes / 1000000)) MB"
done
