package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func generate(t *testing.T) (*Identity, string) {
	t.Helper()
	home := t.TempDir()
	id, err := Generate(home)
	if err != nil {
		t.Fatal(err)
	}
	return id, home
}

func TestKeyIsKeptAndNeverReplaced(t *testing.T) {
	id, home := generate(t)
	again, err := Load(home)
	if err != nil || !again.Public().Equal(id.Public()) {
		t.Fatalf("another key came back: %v", err)
	}
	if _, err := Generate(home); !errors.Is(err, ErrExists) {
		t.Fatalf("a key was replaced: %v", err)
	}
	info, err := os.Stat(filepath.Join(home, KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	home := t.TempDir()
	if _, err := Load(home); err == nil || !strings.Contains(err.Error(), "hospital-node init") {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, KeyFile), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(home); err == nil || !strings.Contains(err.Error(), "holds no private key") {
		t.Fatal(err)
	}
}

// A signature on a card is none on a roster or in a round.
func TestSignaturesKeepToTheirDomain(t *testing.T) {
	id, _ := generate(t)
	m := []byte("message")
	if !Verify(id.Public(), "a", m, id.Sign("a", m)) || Verify(id.Public(), "b", m, id.Sign("a", m)) {
		t.Fatal("a signature left its domain")
	}
	s := NewSigner(id, []ed25519.PublicKey{id.Public()})
	if !s.Verify(1, m, s.Sign(m)) || s.Verify(2, m, s.Sign(m)) || s.Verify(0, m, s.Sign(m)) || s.Verify(1, m, id.Sign("a", m)) {
		t.Fatal("the round's signatures do not keep to their hospital and domain")
	}
}

func TestSealerAgreesOnKeys(t *testing.T) {
	var s Sealer
	private, public, err := s.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	encapsulation, key, err := s.Seal(public, []byte("info"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(private, encapsulation, []byte("info")); err != nil || !bytes.Equal(got, key) {
		t.Fatalf("two keys: %v", err)
	}
	// Another recipient, another place, a damaged encapsulation: another key or
	// none.
	other, _, err := s.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte{}, encapsulation...)
	damaged[7] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another recipient":      func() ([]byte, error) { return s.Open(other, encapsulation, []byte("info")) },
		"another place":          func() ([]byte, error) { return s.Open(private, encapsulation, []byte("other")) },
		"damaged encapsulation":  func() ([]byte, error) { return s.Open(private, damaged, []byte("info")) },
		"a truncated one":        func() ([]byte, error) { return s.Open(private, encapsulation[:100], []byte("info")) },
		"a private key of noise": func() ([]byte, error) { return s.Open([]byte("noise"), encapsulation, []byte("info")) },
	} {
		if got, err := open(); err == nil && bytes.Equal(got, key) {
			t.Errorf("%s: the key came out", name)
		}
	}
	if _, _, err := s.Seal([]byte("noise"), nil); err == nil {
		t.Error("sealed to noise")
	}
}

// What lies on the disk opens in its own home, in its own place, and nowhere else.
func TestEncryptedAtRest(t *testing.T) {
	ids := make([]*Identity, 2)
	for i := range ids {
		var err error
		if ids[i], err = Generate(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	secret := []byte("the share of a key")
	sealed, err := ids[0].Encrypt("a.share", secret)
	if err != nil || bytes.Contains(sealed, secret) {
		t.Fatalf("%q, %v", sealed, err)
	}
	if back, err := ids[0].Decrypt("a.share", sealed); err != nil || !bytes.Equal(back, secret) {
		t.Fatalf("%q, %v", back, err)
	}
	if _, err := ids[1].Decrypt("a.share", sealed); err == nil {
		t.Error("another home opens it")
	}
	if _, err := ids[0].Decrypt("b.share", sealed); err == nil {
		t.Error("it opens in the place of another file")
	}
	for at := range sealed {
		broken := bytes.Clone(sealed)
		broken[at] ^= 1
		if _, err := ids[0].Decrypt("a.share", broken); err == nil {
			t.Fatalf("byte %d changed, and it opens", at)
		}
		if _, err := ids[0].Decrypt("a.share", sealed[:at]); err == nil {
			t.Fatalf("cut to %d bytes, and it opens", at)
		}
	}
}
