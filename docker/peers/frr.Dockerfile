# FRR of Debian 12 with BGP and BFD: docker build -f docker/peers/frr.Dockerfile -t quadzero-frr docker/peers
# Its configuration is /etc/frr/frr.conf. It wants --cap-add NET_ADMIN,NET_RAW,SYS_ADMIN.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends frr iproute2 \
 && rm -rf /var/lib/apt/lists/*
RUN sed -i -e 's/^bgpd=no/bgpd=yes/' -e 's/^bfdd=no/bfdd=yes/' /etc/frr/daemons
# In the foreground, as many daemons as that file says.
CMD ["bash", "-c", "install -d -o frr -g frr /run/frr && source /usr/lib/frr/frrcommon.sh && exec /usr/lib/frr/watchfrr $(daemon_list)"]
