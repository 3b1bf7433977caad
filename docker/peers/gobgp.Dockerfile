# GoBGP of Debian 12: docker build -f docker/peers/gobgp.Dockerfile -t quadzero-gobgp docker/peers
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends gobgpd \
 && rm -rf /var/lib/apt/lists/*
CMD ["gobgpd", "-f", "/etc/gobgp/gobgpd.toml"]
