package identity

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"consilium/paillier/testkey"
)

func TestBackupOfAShare(t *testing.T) {
	key, shares, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := testkey.Deal(512, 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	own, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipient, passphrase, err := Passphrase("correct horse battery\n")
	if err != nil {
		t.Fatal(err)
	}
	opens := func(sealed []byte, identity age.Identity) {
		t.Helper()
		back, err := UnsealShare(sealed, key, identity)
		if err != nil || !bytes.Equal(back.Encode(), shares[1].Encode()) {
			t.Errorf("the backup gives %v", err)
		}
	}
	sealed, err := SealShare(shares[1], own.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	opens(sealed, own)
	if secret := EncodeShare(shares[1]); bytes.Contains(sealed, secret[40:80]) {
		t.Error("the backup holds the share as it is")
	}
	if _, err := UnsealShare(sealed, key, stranger); err == nil || !strings.Contains(err.Error(), "another key or passphrase") {
		t.Errorf("opened by a stranger: %v", err)
	}
	if _, err := UnsealShare(sealed, other, own); err == nil || !strings.Contains(err.Error(), "it is of another key") {
		t.Errorf("a share of another key: %v", err)
	}
	sealed[len(sealed)/2] ^= 1
	if _, err := UnsealShare(sealed, key, own); err == nil {
		t.Error("a damaged backup")
	}
	if sealed, err = SealShare(shares[1], recipient); err != nil {
		t.Fatal(err)
	}
	opens(sealed, passphrase)
	if _, _, err := Passphrase("short"); err == nil {
		t.Error("a short passphrase")
	}
}

func FuzzUnsealShare(f *testing.F) {
	key, shares, err := testkey.Deal(512, 3, 2)
	if err != nil {
		f.Fatal(err)
	}
	own, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := SealShare(shares[0], own.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(EncodeShare(shares[0]))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := UnsealShare(data, key, own); err == nil && s.Holder() != 1 {
			t.Error("another share")
		}
		if s, err := ParseShare(data, key); err == nil && s.Holder() != 1 {
			t.Error("another share")
		}
	})
}

// A copied file of a home tells nothing about the share: the home's own key does.
func TestHomeKeepsItsShareEncrypted(t *testing.T) {
	key, shares, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	home, thief := t.TempDir(), t.TempDir()
	for _, h := range []string{home, thief} {
		if _, err := Generate(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := KeepShare(home, shares[1]); err != nil {
		t.Fatal(err)
	}
	if back, err := LoadShare(home, key); err != nil || !bytes.Equal(back.Encode(), shares[1].Encode()) {
		t.Fatalf("%v", err)
	}
	data, err := os.ReadFile(filepath.Join(home, ShareFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(thief, ShareFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadShare(thief, key); err == nil || !strings.Contains(err.Error(), "another identity.key") {
		t.Errorf("with the key of another home: %v", err)
	}
	if _, err := ReadShare(filepath.Join(home, ShareFile), key); err == nil {
		t.Error("the share lies there as it is")
	}
}
