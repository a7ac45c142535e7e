"""What peers.py and many.py share: a loopback server, clients in processes of their own, and a meter.

`bodies` says what is sent and `server` sends it; `worker` is the process of one client, which is one of
`clients` or the `limit`; `processes` starts them and `environments` makes what a peer is installed in.
Nothing here imports llmstream but its own client, so that a worker runs where only its peer is.
"""
