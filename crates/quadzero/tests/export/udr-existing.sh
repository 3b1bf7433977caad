#!/bin/sh
# Routes of one's own, past forced tunneling: exported by quadzero.
set -eu

# Each route wins over the default route that the edge announces, in the subnets that use the table,
# and stays while no BGP session does. What leaves by it needs a public address in Azure: activation
# (KMS, TCP port 1688) answers no other. Routes learned from the gateway stay on in these subnets:
# the rest of what the edge announces comes by them.

az network route-table route create --resource-group rg-network --route-table-name rt-workload --name kms-20.118.99.224-32 --address-prefix 20.118.99.224/32 --next-hop-type Internet
az network route-table route create --resource-group rg-network --route-table-name rt-workload --name kms-40.83.235.53-32 --address-prefix 40.83.235.53/32 --next-hop-type Internet
az network route-table route create --resource-group rg-network --route-table-name rt-workload --name kms-23.102.135.246-32 --address-prefix 23.102.135.246/32 --next-hop-type Internet
