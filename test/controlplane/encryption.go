package controlplane

import (
	"context"
	"fmt"
	"os"
)

// Encrypt has one API server, counted from 0, store by another encryption config, and
// returns when it does: it is started again. An empty config is none.
func (cp *ControlPlane) Encrypt(ctx context.Context, server int, config []byte) error {
	if err := cp.SetEncryptionConfig(server, config); err != nil {
		return err
	}
	if err := cp.StopAPIServer(server); err != nil {
		return err
	}
	return cp.StartAPIServer(ctx, server)
}

// SetEncryptionConfig replaces the encryption config of one API server, counted from
// 0; an empty one is none. A running API server takes it over within about a minute
// with [Options.EncryptionReload], if it had one when it started, and otherwise when
// it is started again.
func (cp *ControlPlane) SetEncryptionConfig(server int, config []byte) error {
	if err := cp.writeEncryption(server, config); err != nil {
		return fmt.Errorf("write the encryption config of API server %d: %w", server, err)
	}
	cp.apiServers[server].Args = cp.apiServerArgs(server)
	return nil
}

// EncryptionConfigPath returns the file of one API server's encryption config.
func (cp *ControlPlane) EncryptionConfigPath(server int) string {
	return cp.path(fmt.Sprintf("encryption-%d.yaml", server))
}

// writeEncryptionConfigs writes the files to which the API servers' arguments refer.
func (cp *ControlPlane) writeEncryptionConfigs() error {
	cp.encrypted = make([]bool, cp.options.APIServers)
	for server := range cp.encrypted {
		config, own := cp.options.EncryptionConfigs[server]
		if !own {
			config = cp.options.EncryptionConfig
		}
		if err := cp.writeEncryption(server, config); err != nil {
			return err
		}
	}
	return nil
}

// writeEncryption writes the config of one API server. It is replaced as a whole: an
// API server that reads it at the same time sees no half of it.
func (cp *ControlPlane) writeEncryption(server int, config []byte) error {
	cp.encrypted[server] = len(config) > 0
	if !cp.encrypted[server] {
		return nil
	}
	path := cp.EncryptionConfigPath(server)
	if err := os.WriteFile(path+".new", config, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// encryptionArgs are the arguments about encryption of one API server.
func (cp *ControlPlane) encryptionArgs(server int) []string {
	if !cp.encrypted[server] {
		return nil
	}
	return []string{
		"--encryption-provider-config=" + cp.EncryptionConfigPath(server),
		fmt.Sprintf("--encryption-provider-config-automatic-reload=%t", cp.options.EncryptionReload),
	}
}
