# Any image with Python 3.11 or newer as python3, venv and pip included, will do.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /source
COPY . .
# Each package is one of those that `make lock` wrote down, or nothing is built. The installed
# environment is what the second stage takes: without pip, and with nothing to compile.
RUN tools/compiler python3 \
 && python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r deploy/image/build.txt \
 && CORSANYWHERE_COMPILE=1 /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
 && python3 -m venv /opt/cors-anywhere \
 && /opt/cors-anywhere/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r deploy/image/requirements.txt \
 && /opt/cors-anywhere/bin/pip install --no-cache-dir --no-deps /dist/*.whl \
 && /opt/cors-anywhere/bin/pip check \
 && /opt/cors-anywhere/bin/pip uninstall --yes pip setuptools

FROM ${BASE_IMAGE}
COPY --from=build /opt/cors-anywhere /opt/cors-anywhere
ENV HOST=0.0.0.0 PORT=8080 CORSANYWHERE_EVENT_LOOP=uvloop PYTHONUNBUFFERED=1 PATH=/opt/cors-anywhere/bin:$PATH
EXPOSE 8080
# By number, so that an orchestrator can tell that it is not root.
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["cors-anywhere", "healthcheck"]
# The command itself is process 1 and receives the signals.
ENTRYPOINT ["cors-anywhere"]
