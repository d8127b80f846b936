#!/bin/bash
# The faults of virt-server once more, with unix sockets in the place of the FIFOs.
KIND=sockets exec "$(dirname "${BASH_SOURCE[0]}")/fault_server.sh"
