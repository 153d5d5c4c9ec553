# Builds the server, and an image that contains only the program, the C library and root certificates. The target tools is
# an image with the client tools of PostgreSQL, for backups.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin tenon \
    && cp target/release/tenon /tenon \
    && mkdir /data

FROM postgres:17-bookworm AS tools
COPY --from=build /tenon /usr/local/bin/tenon
COPY --from=build --chown=65532:65532 /data /data
ENV TENON_DATA_DIR=/data \
    TMPDIR=/data
USER 65532:65532
VOLUME /data
ENTRYPOINT ["/usr/local/bin/tenon"]
CMD ["doctor"]

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /tenon /usr/local/bin/tenon
COPY --from=build --chown=65532:65532 /data /data
# SQLite requires a folder for temporary files, and the root may be read-only.
ENV TENON_DATA_DIR=/data \
    TMPDIR=/data \
    TENON_LISTEN=0.0.0.0:8080
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/local/bin/tenon", "health"]
ENTRYPOINT ["/usr/local/bin/tenon"]
CMD ["serve"]
