# The image is one static binary and nothing else: no shell, no libraries, no certificates, no user but a number.
# What a container is, its arguments and its folder say; see docker-compose.yml and docs/deploy.md.
#
#   CGO_ENABLED=0 go build -trimpath -o bin/image/portcullis ./cmd/portcullis
#   docker build -f Dockerfile -t portcullis:local bin/image
FROM scratch

ARG VERSION=development
LABEL org.opencontainers.image.title="portcullis" \
      org.opencontainers.image.description="A fail-closed governance fabric for AI agents: one part of a zone" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/portcullis-dev/portcullis" \
      org.opencontainers.image.version="${VERSION}"

COPY portcullis /portcullis
USER 65532:65532
ENTRYPOINT ["/portcullis"]
CMD ["help"]
