package node

import (
	"errors"
	"io/fs"

	"consilium/node/store"
	"consilium/protocol"
)

// keepPosts makes durable what was posted in the round: others may need it, and
// have it from nobody else.
func (n *Node) keepPosts() error {
	posts := store.Posts{Messages: n.session.Round().Posts()}
	for root, round := range n.kept {
		if round != n.number() {
			continue
		}
		part, err := n.parts.Open(root)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if small := part.InMemory(); small != nil {
			posts.Parts = append(posts.Parts, small)
		}
		if err := part.Close(); err != nil {
			return err
		}
	}
	return store.WritePosts(n.dir, n.number(), posts)
}

// recallPosts takes up after a restart what was posted in the round before.
// Only others need it: what is damaged is left out.
func (n *Node) recallPosts(before uint64) error {
	posts, err := store.ReadPosts(n.dir, before)
	if damaged := (*store.DamagedError)(nil); errors.As(err, &damaged) {
		n.cfg.Logger.Warn("cannot help others with the round before", "round", before, "why", damaged)
		return nil
	}
	if err != nil {
		return err
	}
	n.session.Recall(before, posts.Messages)
	for _, part := range posts.Parts {
		ref, err := protocol.RefOf(part)
		if err == nil {
			err = n.parts.Put(ref, part)
		}
		if err != nil {
			return err
		}
		n.kept[ref.Root] = before
	}
	return nil
}
