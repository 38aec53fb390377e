"""The loop that joins the rooms: what is seen, decided and done."""
