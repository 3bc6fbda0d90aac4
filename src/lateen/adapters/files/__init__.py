"""Files of a local mesh: directories, keys and certificates, kubeconfigs, process records."""
