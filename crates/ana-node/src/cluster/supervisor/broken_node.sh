#!/bin/sh
# Stands in for a node in the tests of the supervisor: ends at once, with an error.
exit 7
