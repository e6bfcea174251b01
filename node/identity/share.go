package identity

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/paillier"
)

// ShareFile is where a home keeps its share of the federation's Paillier key.
const ShareFile = "paillier.share"

const (
	sharePEM  = "CONSILIUM PAILLIER KEY SHARE"           // to be handed over
	atRestPEM = "CONSILIUM ENCRYPTED PAILLIER KEY SHARE" // in a home
)

// EncodeShare is the text of a share's file. It is as secret as the share.
func EncodeShare(s *paillier.KeyShare) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: sharePEM, Bytes: s.Encode()})
}

// ReadShare reads a share of a key from a file, and compares it with the key.
func ReadShare(file string, key *paillier.ThresholdKey) (*paillier.KeyShare, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	share, err := ParseShare(data, key)
	if errors.Is(err, errNoShare) {
		return nil, fmt.Errorf("%s %w", file, errNoShare)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return share, nil
}

var errNoShare = errors.New("holds no share of a Paillier key")

// ParseShare reads EncodeShare's text, and compares the share with the key.
func ParseShare(data []byte, key *paillier.ThresholdKey) (*paillier.KeyShare, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != sharePEM || len(rest) > 0 {
		return nil, errNoShare
	}
	share, err := key.DecodeKeyShare(block.Bytes)
	if err == nil {
		err = key.CheckShare(share)
	}
	return share, err
}

// LoadShare reads the share of a home; nil if there is none.
func LoadShare(home string, key *paillier.ThresholdKey) (*paillier.KeyShare, error) {
	file := filepath.Join(home, ShareFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != atRestPEM || len(rest) > 0 {
		return ReadShare(file, key) // of a version that kept it as it is
	}
	id, err := Load(home)
	if err != nil {
		return nil, err
	}
	plain, err := id.Decrypt(ShareFile, block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: restore it with `hospital-node keys restore`", file, err)
	}
	share, err := key.DecodeKeyShare(plain)
	if err == nil {
		err = key.CheckShare(share)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return share, nil
}

// KeepShare puts a share into a home, encrypted.
func KeepShare(home string, s *paillier.KeyShare) error {
	id, err := Load(home)
	if err != nil {
		return err
	}
	sealed, err := id.Encrypt(ShareFile, s.Encode())
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(home, ShareFile), pem.EncodeToMemory(&pem.Block{Type: atRestPEM, Bytes: sealed}), 0o600)
}
