#!/bin/sh
# Azure's end of the edge's BGP sessions: exported by quadzero.
set -eu

# The circuit is there, and its provider has provisioned it. In each /30 the first address is the
# edge's, the second Microsoft's. "primary" is the primary link, as it stands first in the file.

az network express-route peering create --resource-group rg-network --circuit-name er-home --peering-type AzurePrivatePeering --peer-asn 65010 --primary-peer-subnet 192.168.100.128/30 --secondary-peer-subnet 192.168.100.132/30 --vlan-id 100
