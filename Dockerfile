# The `anndata` command in a small image, built from a clean clone:
#
#   docker build --tag anndata .
#   docker run --rm --volume "$PWD:/data" anndata show cells.h5ad
#
# Debian 13 has the CMake (3.26 or later) that HDF5 is built with.
FROM rust:1-slim-trixie AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package anndata-cli --features cloud,zarrs \
        --config 'profile.release.strip="symbols"' \
    && install -D target/release/anndata /out/anndata

FROM debian:trixie-slim
# For stores by URL.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/anndata /usr/local/bin/anndata
COPY LICENSE-APACHE LICENSE-MIT /usr/local/share/doc/anndata/
USER nobody
WORKDIR /data
ENTRYPOINT ["anndata"]
