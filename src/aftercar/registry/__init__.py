"""Who was treated: people, infusions, prior therapy, follow-up plans, persistence, consent."""
