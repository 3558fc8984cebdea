# SPDX-License-Identifier: Apache-2.0
"""The persistent backend: a ROUTER loop that queues jobs, and worker processes that hold the networks.

`app.serve` is the entry point. `server` holds the loop, which joins three things: `clientsocket` (frames from and to
the clients), `backend` with `jobs` and `scheduler` (all decisions, no input or output), and `pool` with a `supervisor`
for each worker (the process whose inside is `worker/`). `lifecycle` sees to one backend for each home. The server
process imports neither torch nor numpy: only the workers do.
"""
