#!/usr/bin/env bash
# Is this machine ready, and which weights compare the pictures?
set -euo pipefail

batch-analogy doctor
batch-analogy weights
