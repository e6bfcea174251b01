package protocol

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// MessageID names a message for comparing what two hospitals hold. It is long
// enough that nobody can make two messages with one name.
type MessageID [16]byte

// Digest lists the messages of the round that this hospital holds, in a form
// for Missing. Gossip never sends again what was lost or said during a
// partition: hospitals compare digests instead.
func (r *Round) Digest() []byte {
	var ids []MessageID
	for _, posts := range r.posts {
		for _, p := range posts {
			ids = append(ids, p.id)
		}
	}
	for _, seconds := range r.seconds {
		for _, s := range seconds {
			ids = append(ids, s.id)
		}
	}
	slices.SortFunc(ids, func(a, b MessageID) int { return bytes.Compare(a[:], b[:]) })
	out := make([]byte, 0, len(ids)*len(MessageID{}))
	for _, id := range ids {
		out = append(out, id[:]...)
	}
	return out
}

// Posts lists the messages that this hospital holds, in the order of parties
// and slots.
func (r *Round) Posts() []Message {
	var all []Message
	for _, held := range r.held() {
		all = append(all, held.message)
	}
	return all
}

func (r *Round) held() []post {
	var all []post
	for p := range r.posts {
		all = append(all, r.sorted(Party(p))...)
	}
	return all
}

// Missing lists the messages that this hospital holds and the owner of the
// digest does not, in the order of Posts.
func (r *Round) Missing(digest []byte) ([]Message, error) {
	return missingOf(r.held(), digest)
}

func missingOf(posts []post, digest []byte) ([]Message, error) {
	size := len(MessageID{})
	if len(digest)%size != 0 {
		return nil, fmt.Errorf("a digest of %d bytes", len(digest))
	}
	theirs := make(map[MessageID]bool, len(digest)/size)
	for ; len(digest) > 0; digest = digest[size:] {
		theirs[MessageID(digest)] = true
	}
	var missing []Message
	for _, held := range posts {
		if !theirs[held.id] {
			missing = append(missing, held.message)
		}
	}
	return missing, nil
}

// sorted lists the messages of a party by slot; second ones of a slot follow
// the first, so that everybody comes to hold the evidence.
func (r *Round) sorted(p Party) []post {
	posts := make([]post, 0, len(r.posts[p])+len(r.seconds[p]))
	for _, held := range r.posts[p] {
		posts = append(posts, held)
	}
	for _, s := range r.seconds[p] {
		posts = append(posts, s.post)
	}
	slices.SortStableFunc(posts, func(a, b post) int {
		return cmp.Compare(a.message.Slot.key(), b.message.Slot.key())
	})
	return posts
}
