# The image holds the binary and the certificate authorities, nothing else. The
# build stage is named by tag; nothing else of it gets into the image. It runs on
# the builder's own architecture, whatever the image is for.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
ENV GOCACHE=/go/build
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
# .git comes along: `pulltrace version` tells what was built.
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make build

FROM scratch
LABEL org.opencontainers.image.title="pulltrace" \
      org.opencontainers.image.description="Exports the image pulls of a node's containerd by OTLP" \
      org.opencontainers.image.url="https://github.com/pulltrace/pulltrace" \
      org.opencontainers.image.source="https://github.com/pulltrace/pulltrace" \
      org.opencontainers.image.documentation="https://github.com/pulltrace/pulltrace/blob/main/deploy/README.md" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/pulltrace /pulltrace
# Root, since containerd's socket belongs to root with mode 0660. No capability
# and no privilege is needed. Where a group may open the socket any user in it will
# do; nothing in the image belongs to root alone. See SECURITY.md.
USER 0:0
ENTRYPOINT ["/pulltrace"]
