#!/bin/sh
# Stands in for a node in the tests of the supervisor: ends on SIGTERM.
trap "exit 0" TERM
while :; do sleep 0.02; done
