#!/usr/bin/env bash
# Makes the ledger on the brokers that docker-compose.yml runs, and brings it up to date. It runs where the governor's key
# is, on the machine and in no container. Safe to repeat. Usage:
#
#   deploy/compose/found.sh [ZONE]      ZONE: what setup.sh made
set -euo pipefail
cd "$(dirname "$0")/../.."

zone=${1:-deploy/compose/zone}
servers=tls://127.0.0.1:${PORTCULLIS_PORT_1:-4222},tls://127.0.0.1:${PORTCULLIS_PORT_2:-4223},tls://127.0.0.1:${PORTCULLIS_PORT_3:-4224}
exec "${PORTCULLIS:-bin/portcullis}" broker found --data "$zone/authority" --server "$servers" --wait 120s
