package ceremony

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/paillier"
	"consilium/protocol"
	"consilium/protocol/keygen"
)

// Files in a home.
const (
	CheckpointFile = "keygen.checkpoint" // secret, and encrypted
	RecordFile     = "keygen.json"       // of the last ceremony that ended well
)

const transcriptDomain = "consilium/keygen/1"

// Ceremony is one hospital's part of making the key for the epoch after a roster.
type Ceremony struct {
	home     string
	identity *identity.Identity
	roster   *roster.Roster
	bits     int
	insecure bool
	resume   keygen.Checkpoint
}

// Open reads the home's checkpoint, if it is of a ceremony for the same roster and
// length. insecure admits lengths below paillier.MinBits, and says so in the
// roster.
func Open(home string, id *identity.Identity, r *roster.Roster, bits int, insecure bool) (*Ceremony, error) {
	c := &Ceremony{home: home, identity: id, roster: r, bits: bits, insecure: insecure}
	least := paillier.MinBits
	if insecure {
		least = paillier.InsecureTestBits
	}
	if bits < least || bits > paillier.MaxBits || bits%128 != 0 {
		return nil, fmt.Errorf("a key of %d bits: a multiple of 128 from %d to %d", bits, least, paillier.MaxBits)
	}
	t := r.Thresholds()
	if t.Parties > paillier.MaxHolders {
		return nil, fmt.Errorf("%d hospitals: at most %d make a key together in this version", t.Parties, paillier.MaxHolders)
	}
	if err := protocol.CheckHolders(t, t.Parties, protocol.HolderThreshold(t)); err != nil {
		return nil, err
	}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, c.checkSuccessor()
}

// checkSuccessor refuses a ceremony at whose end this hospital could not sign.
func (c *Ceremony) checkSuccessor() error {
	consented, err := roster.Consented(c.home, c.roster)
	if err != nil || consented == "" {
		return err
	}
	if made := c.resume.Made; made != nil {
		key, err := paillier.DecodeThresholdKey(made.Key, paillier.InsecureTestBits)
		if err != nil {
			return err
		}
		if next, err := c.roster.Rekeyed(key); err != nil || next.Hash().String() == consented {
			return err
		}
	}
	return fmt.Errorf("this hospital has consented to another successor of epoch %d, %s: name the roster of that epoch", c.roster.Epoch, consented)
}

// checkpoint is the file's form. A checkpoint of another ceremony is of no use.
type checkpoint struct {
	Roster string // hash
	Bits   int
	State  keygen.Checkpoint
}

// Reload reads what was saved last, to begin again where the ceremony was.
func (c *Ceremony) Reload() error {
	c.resume = keygen.Checkpoint{}
	saved, err := readCheckpoint(c.home, c.identity)
	if err == nil && saved.Roster == c.roster.Hash().String() && saved.Bits == c.bits {
		c.resume = saved.State
	}
	return err
}

// readCheckpoint reads a home's checkpoint; without one it is empty.
func readCheckpoint(home string, id *identity.Identity) (saved checkpoint, err error) {
	file := filepath.Join(home, CheckpointFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return saved, nil
	}
	if err != nil {
		return saved, err
	}
	if data, err = id.Decrypt(CheckpointFile, data); err == nil {
		saved, err = decodeCheckpoint(data)
	}
	if err != nil {
		return checkpoint{}, fmt.Errorf("%s: %w; delete it to begin anew", file, err)
	}
	return saved, nil
}

// Resumed is how many candidates were looked at before.
func (c *Ceremony) Resumed() keygen.Checkpoint { return c.resume }

func decodeCheckpoint(data []byte) (saved checkpoint, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&saved); err != nil {
		return checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	return saved, nil
}

func (c *Ceremony) save(state keygen.Checkpoint) error {
	data, err := json.Marshal(checkpoint{c.roster.Hash().String(), c.bits, state})
	if err != nil {
		return err
	}
	sealed, err := c.identity.Encrypt(CheckpointFile, data)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(c.home, CheckpointFile), sealed, 0o600)
}

// Config is what this hospital brings to the ceremony.
func (c *Ceremony) Config(report func(keygen.Progress)) keygen.Config {
	hash := c.roster.Hash()
	least := paillier.MinBits
	if c.insecure {
		least = paillier.InsecureTestBits
	}
	return keygen.Config{
		Context: append([]byte("consilium/roster/"), hash[:]...), Bits: c.bits, MinBits: least,
		Threshold: protocol.HolderThreshold(c.roster.Thresholds()), Random: rand.Reader,
		Resume: c.resume, Save: c.save, Report: report, Endorse: c.endorse, Verify: c.verify,
	}
}

// endorse signs the next roster, and what was said together with its hash.
func (c *Ceremony) endorse(key *paillier.ThresholdKey, transcript []byte) ([]byte, error) {
	next, err := c.roster.Rekeyed(key)
	if err != nil {
		return nil, err
	}
	own, err := next.Endorsement(c.home, c.identity)
	if err != nil {
		return nil, err
	}
	return append(own, c.identity.Sign(transcriptDomain, said(next, transcript))...), nil
}

func said(next *roster.Roster, transcript []byte) []byte {
	hash := next.Hash()
	return append(hash[:], transcript...)
}

// verify checks another hospital's endorsement.
func (c *Ceremony) verify(party int, key *paillier.ThresholdKey, transcript, endorsement []byte) error {
	next, err := c.roster.Rekeyed(key)
	if err != nil {
		return err
	}
	roster, record, err := cut(endorsement)
	if err != nil {
		return err
	}
	if err := next.AddEndorsement(protocol.Party(party), roster); err != nil {
		return err
	}
	if !identity.Verify(next.Members[party-1].PublicKey(), transcriptDomain, said(next, transcript), record) {
		return errors.New("its signature of what was said does not verify")
	}
	return nil
}

// cut parts what a hospital says of the roster from its signature of what was said.
func cut(endorsement []byte) (roster, record []byte, err error) {
	at := len(endorsement) - ed25519.SignatureSize
	if at < 0 {
		return nil, nil, fmt.Errorf("an endorsement of %d bytes", len(endorsement))
	}
	return endorsement[:at], endorsement[at:], nil
}

// Adopt keeps the share of a roster's key that a ceremony made in this home and
// could not end, for want of an endorsement that others have got. It reports
// whether there was one.
func Adopt(home string, id *identity.Identity, key *paillier.ThresholdKey) (bool, error) {
	saved, err := readCheckpoint(home, id)
	if err != nil || saved.State.Made == nil || !bytes.Equal(saved.State.Made.Key, key.Encode()) || len(saved.State.Made.Share) == 0 {
		return false, err
	}
	share, err := key.DecodeKeyShare(saved.State.Made.Share)
	if err == nil {
		err = key.CheckShare(share)
	}
	if err != nil {
		return false, err
	}
	return true, identity.KeepShare(home, share)
}

func (c *Ceremony) keepShare(result *keygen.Result) error {
	if result.Share == nil {
		share, err := identity.LoadShare(c.home, result.Key)
		if err == nil && share == nil {
			err = errors.New("the share of the key is missing: restore it with `hospital-node keys restore`")
		}
		return err
	}
	if err := identity.KeepShare(c.home, result.Share); err != nil {
		return err
	}
	made := &keygen.Made{Key: result.Key.Encode(), Transcript: result.Transcript}
	return c.save(keygen.Checkpoint{Products: result.Products, Tested: result.Tested, Made: made})
}

// record is RecordFile's form: what anybody can verify of a ceremony.
type record struct {
	Epoch      uint64            `json:"epoch"`
	Roster     string            `json:"roster"`     // hash, of the epoch with the key
	Transcript string            `json:"transcript"` // SHA-256 of everything that was said to all, in hexadecimal
	Signatures map[string][]byte `json:"signatures"` // by hospital, over both hashes
}

// Finish keeps the share in the place of the one of the epoch before, which is
// erased with it, and returns the next epoch's roster, signed by everybody. The
// checkpoint keeps the key and not the share: hospitals that were killed just
// before the end may want to hear the endorsements again.
func (c *Ceremony) Finish(result *keygen.Result) (*roster.Roster, error) {
	next, err := c.roster.Rekeyed(result.Key)
	if err != nil {
		return nil, err
	}
	r := record{Epoch: next.Epoch, Roster: next.Hash().String(), Transcript: fmt.Sprintf("%x", result.Transcript), Signatures: map[string][]byte{}}
	for party := 1; party < len(result.Endorsements); party++ {
		roster, signature, err := cut(result.Endorsements[party])
		if err != nil {
			return nil, err
		}
		if err := next.AddEndorsement(protocol.Party(party), roster); err != nil {
			return nil, err
		}
		r.Signatures[next.Name(protocol.Party(party))] = signature
	}
	if err := c.keepShare(result); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return next, durable.WriteFile(filepath.Join(c.home, RecordFile), append(text, '\n'), 0o644)
}
