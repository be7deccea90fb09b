"""Says which port it was given, and binds it half a second later."""

import os
import time

from serving import forever, serve

print(os.environ["FLASK_PORT"])
time.sleep(0.5)
serve()
forever()
