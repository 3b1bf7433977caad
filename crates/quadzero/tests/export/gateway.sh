#!/bin/sh
# Azure's end of the edge's BGP sessions: exported by quadzero.
set -eu
: "${SHARED_KEY:?the pre-shared key of the IPsec tunnels, in the environment}"

# The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host 10.1.0.30/32
# must be routed into the tunnels, whose traffic selectors are any to any.

az network vnet-gateway update --resource-group rg-network --name vgw-hub --asn 65515
az network local-gateway create --resource-group rg-network --name edge-10.51.255.254 --gateway-ip-address 203.0.113.9 --asn 65010 --bgp-peering-address 10.51.255.254
az network vpn-connection create --resource-group rg-network --name edge-10.51.255.254 --vnet-gateway1 vgw-hub --local-gateway2 edge-10.51.255.254 --shared-key="$SHARED_KEY" --enable-bgp
