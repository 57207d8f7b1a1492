"""
The options that Galera's provider knows (wsrep_provider_options).

A server with any other one does not start.
"""

# Those that a server shows of libgalera_smm.so 26.4.23, Debian 12's, and those that it takes beside
# them, by what stands before the dot.
_NAMES = {
    "": (
        "base_dir", "base_host", "base_port", "debug"
    ),
    "cert": (
        "log_conflicts", "optimistic_pa"
    ),
    "evs": (
        "auto_evict", "causal_keepalive_period", "debug_log_mask", "delay_margin",
        "delayed_keep_period", "inactive_check_period", "inactive_timeout", "info_log_mask",
        "install_timeout", "join_retrans_period", "keepalive_period", "max_install_timeouts",
        "send_window", "stats_report_period", "suspect_timeout", "use_aggregate",
        "user_send_window", "version", "view_forget_timeout"
    ),
    "gcache": (
        "dir", "keep_pages_size", "mem_size", "name", "page_size", "recover", "size"
    ),
    "gcomm": (
        "thread_prio",
    ),
    "gcs": (
        "fc_debug", "fc_factor", "fc_limit", "fc_master_slave", "fc_single_primary",
        "max_packet_size", "max_throttle", "recv_q_hard_limit", "recv_q_soft_limit",
        "stateless", "sync_donor", "vote_policy"
    ),
    "gmcast": (
        "group", "isolate", "listen_addr", "mcast_addr", "mcast_ttl", "peer_timeout", "segment",
        "time_wait", "version"
    ),
    "ist": (
        "keep_keys", "recv_addr", "recv_bind"
    ),
    "pc": (
        "announce_timeout", "bootstrap", "checksum", "ignore_quorum", "ignore_sb", "linger",
        "npvo", "recovery", "version", "wait_prim", "wait_prim_timeout", "weight"
    ),
    "protonet": (
        "backend", "version"
    ),
    "repl": (
        "causal_read_timeout", "commit_order", "key_format", "max_ws_size", "proto_max"
    ),
    "socket": (
        "checksum", "dynamic", "recv_buf_size", "send_buf_size", "ssl", "ssl_ca", "ssl_cert",
        "ssl_cipher", "ssl_compression", "ssl_key", "ssl_password_file", "ssl_reload"
    ),
}  # fmt: skip
NAMES = sorted(
    f"{part}.{name}" if part else name for part, names in _NAMES.items() for name in names
)
