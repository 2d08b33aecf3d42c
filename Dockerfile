# The app in an image of its own: one static program on an empty root, run by nobody. There is no Postgres in it, no shell
# and nothing to write to; README.md, "Running it for others", says what it must be told.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unreleased
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /upwork-ai-agent .

FROM scratch
ARG VERSION=unreleased
ARG REVISION=
LABEL org.opencontainers.image.title="Upwork AI Agent" \
      org.opencontainers.image.description="Upwork jobs and proposals of many organizations, kept apart by Postgres row-level security" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Whom to trust when talking to Clerk.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /upwork-ai-agent /upwork-ai-agent
# Nothing is kept in the container, so what a first run elsewhere makes for itself must be given.
ENV ADDR=0.0.0.0:8080 DATA_DIR=off
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["/upwork-ai-agent", "health"]
ENTRYPOINT ["/upwork-ai-agent"]
CMD ["serve"]
