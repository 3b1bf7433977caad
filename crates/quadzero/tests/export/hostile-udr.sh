#!/bin/sh
# Routes of one's own, past forced tunneling: exported by quadzero.
set -eu

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

# 1 of the 3 are not needed as the edge's file stands: it makes these exceptions by BGP. They are
# what could be done instead.

# The subnets keep Azure's own way to the Internet: 0.0.0.0/0 of the table wins over that of the
# edge. But the edge announces longer prefixes of the Internet as well (1 of them), which would win
# over it; so each of them is in the table. When the edge's exceptions change, export anew.

az network route-table route create --resource-group='-(Größe)_1.b-' --route-table-name 0_ --name ch-pwned----file---etc-passwd-----resourceGroup--.id-------------198.51.100.0-24 --address-prefix 198.51.100.0/24 --next-hop-type Internet
az network route-table route create --resource-group='-(Größe)_1.b-' --route-table-name 0_ --name ch-pwned----file---etc-passwd-----resourceGroup--.id-------------2001-db8-1---48 --address-prefix 2001:db8:1::/48 --next-hop-type Internet
az network route-table route create --resource-group='-(Größe)_1.b-' --route-table-name 0_ --name rf-203.0.113.0-24 --address-prefix 203.0.113.0/24 --next-hop-type Internet
az network route-table route create --resource-group='-(Größe)_1.b-' --route-table-name 0_ --name opt-out-0.0.0.0-0 --address-prefix 0.0.0.0/0 --next-hop-type Internet
az network vnet subnet update --resource-group='-(Größe)_1.b-' --vnet-name hub --name a_ --route-table 0_
az network vnet subnet update --resource-group='-(Größe)_1.b-' --vnet-name hub --name b --route-table 0_
