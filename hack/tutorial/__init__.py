"""What the tutorial needs beside kubectl: images in the local cluster, and users."""
