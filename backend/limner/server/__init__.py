# SPDX-License-Identifier: Apache-2.0
"""The persistent backend: a ROUTER loop that queues jobs, and a worker process that holds the networks.

`app.serve` is the entry point. The server process imports neither torch nor numpy: only the worker does.
"""
