#!/usr/bin/env bash
# Is this machine ready, and which network compares the pictures?
set -euo pipefail

batch-analogy doctor
batch-analogy weights
