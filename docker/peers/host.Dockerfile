# Interfaces, addresses and routes for a container that has no tools of its own to make them, as that of quadzero, which shares
# the network of this one: docker build -f docker/peers/host.Dockerfile -t quadzero-host docker/peers
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends iproute2 \
 && rm -rf /var/lib/apt/lists/*
CMD ["sleep", "infinity"]
