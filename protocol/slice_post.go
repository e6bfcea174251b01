package protocol

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// sumSlot is where a hospital says what the sums of slices are: subject 0 for the
// slices in whose order it is among the first, in one message; slice+1 for another
// one, for which it has stepped in.
func sumSlot(subject Party) Slot { return Slot{Phase: Combine, Step: stepSum, Subject: subject} }

// sumPayload are the roots of sums of slices, in ascending order.
type sumPayload struct{ Roots []Hash }

func (p sumPayload) encode() []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(p.Roots)))
	for _, root := range p.Roots {
		b = append(b, root[:]...)
	}
	return b
}

func decodeSum(data []byte) (p sumPayload, err error) {
	r := reader{data: data}
	for range r.count(MaxParties) {
		p.Roots = append(p.Roots, r.hash())
		if r.err != nil {
			return p, r.err
		}
	}
	return p, r.end()
}

// summed lists the slices whose sums are in a message, or says why there is no
// such message. So nobody can say two things of one slice in two slots.
func (s *Slicing) summed(from, subject Party) ([]int, error) {
	switch slice := int(subject) - 1; {
	case s == nil:
		return nil, fmt.Errorf("sums of slices in a round that is not sliced")
	case subject == 0:
		return s.within(from, s.adders()), nil
	case slice >= s.count || s.place(slice, from) < s.adders():
		return nil, fmt.Errorf("a sum of slice %d, which hospital %d does not step in for", slice, from)
	default:
		return []int{slice}, nil
	}
}

func (p sumPayload) fits(s *Slicing, m Message) error {
	of, err := s.summed(m.From, m.Slot.Subject)
	if err == nil && len(of) != len(p.Roots) {
		err = fmt.Errorf("%d sums of %d slices", len(p.Roots), len(of))
	}
	return err
}

// blame notes who has posted another sum of a slice than f+1 others.
func (s *sums) blame(i int, right Hash, by Set) {
	r := s.r
	messageOf := func(p Party, right bool, root Hash) (Message, bool) {
		subject := Party(0)
		if s.slicing.place(i, p) >= s.slicing.adders() {
			subject = Party(i + 1)
		}
		return r.messageOf(p, sumSlot(subject), func(content any) bool {
			of, _ := s.slicing.summed(p, subject)
			for at, slice := range of {
				if slice == i {
					return (content.(sumPayload).Roots[at] == root) == right
				}
			}
			return false
		})
	}
	for _, p := range r.all.Minus(r.liars).Parties() {
		if !slices.ContainsFunc(s.slices[i].posted[p], func(root Hash) bool { return root != right }) {
			continue
		}
		wrong, ok := messageOf(p, false, right)
		if !ok {
			continue
		}
		messages := []Message{wrong}
		for _, other := range by.Parties()[:s.slicing.adders()] { // p is not among them: who posts two roots is a proved liar
			m, _ := messageOf(other, true, right)
			messages = append(messages, m)
		}
		r.accuse(WrongSum, p, messages...)
	}
}

// verifySum takes sums of slices, and those of f+1 others, of whom one is honest:
// they agree on a slice, and not with the first.
func (e Evidence) verifySum() error {
	slicing := e.Description.Slicing()
	roots := func(m Message) (map[int]Hash, error) {
		p, err := contentOf[sumPayload](m)
		if err == nil {
			err = p.fits(slicing, m)
		}
		if err != nil {
			return nil, err
		}
		of, _ := slicing.summed(m.From, m.Slot.Subject)
		sums := map[int]Hash{}
		for i, slice := range of {
			sums[slice] = p.Roots[i]
		}
		return sums, nil
	}
	wrong, err := roots(e.Messages[0])
	if err != nil {
		return err
	}
	agree := map[int]map[Hash]Set{} // by slice and root: who
	for _, m := range e.Messages[1:] {
		others, err := roots(m)
		if err != nil {
			return err
		}
		for slice, root := range others {
			if agree[slice] == nil {
				agree[slice] = map[Hash]Set{}
			}
			set := agree[slice][root]
			set.Add(m.From)
			agree[slice][root] = set.Minus(NewSet(e.Liar))
		}
	}
	for slice, root := range wrong {
		for other, by := range agree[slice] {
			if other != root && by.Len() >= slicing.adders() {
				return nil
			}
		}
	}
	return fmt.Errorf("no slice of which %d others have another sum", slicing.adders())
}
