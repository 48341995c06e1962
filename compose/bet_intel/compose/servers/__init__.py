"""Real servers from this machine's own programs, on private loopback ports: started, found again, killed, stopped.

Each is a process of its own and outlives whoever started it, as long as somebody uses the folder it lives in
(:class:`~bet_intel.compose.servers.folder.ServersFolder`). A handle knows its servers by their folder alone, so any
process may open one, ask and act.
"""
