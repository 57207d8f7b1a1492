"""What the service reads."""

from oslo_config import cfg

DATABASE = [
    cfg.StrOpt("connection", secret=True),
    cfg.IntOpt("connection_recycle_time", default=3600),
    cfg.IntOpt("max_pool_size", default=5),
]


def read(files):
    """Return the options of configuration files, the later over the earlier."""
    conf = cfg.ConfigOpts()
    conf.register_opts(DATABASE, group="database")
    conf(args=[], project="notes", default_config_files=list(files), default_config_dirs=[])
    return conf
